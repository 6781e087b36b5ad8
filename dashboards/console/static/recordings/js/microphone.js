// Sound from a microphone as it is: nothing that improves speech may touch it.

const RATES_HZ = [4000, 8000];
const KNOWN_HZ = [4000, 8000, 16000, 44100, 48000];

export class Microphone {
  // Opens it; `onPiece` gets Int16Arrays. Throws with words for people.
  static async open(deviceId, worklet, onPiece) {
    if (!navigator.mediaDevices) throw new Error("browsers give a microphone only to pages of https:// or of this machine");
    const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 1 };
    if (deviceId) audio.deviceId = { exact: deviceId };
    const stream = await navigator.mediaDevices.getUserMedia({ audio });
    try {
      return await Microphone.listen(stream, worklet, onPiece);
    } catch (error) {
      for (const track of stream.getTracks()) track.stop();
      throw error;
    }
  }

  static async listen(stream, worklet, onPiece) {
    const { context, source } = Microphone.context(stream);
    if (!KNOWN_HZ.includes(context.sampleRate)) throw new Error(`this microphone has ${context.sampleRate} samples a second, which is not known here`);
    await context.audioWorklet.addModule(worklet);
    const node = new AudioWorkletNode(context, "recorder", { numberOfOutputs: 1 });
    node.port.onmessage = (event) => onPiece(event.data);
    const silent = new GainNode(context, { gain: 0 });
    source.connect(node).connect(silent).connect(context.destination);
    await context.resume();
    return new Microphone(stream, context);
  }

  // A low rate holds all of the heart and little of a voice; not every browser can.
  static context(stream) {
    for (const sampleRate of [...RATES_HZ, undefined]) {
      let context = null;
      try {
        context = new AudioContext({ sampleRate });
        return { context, source: context.createMediaStreamSource(stream) };
      } catch (error) {
        context?.close();
        if (sampleRate === undefined) throw error;
      }
    }
    return null;
  }

  constructor(stream, context) {
    this.stream = stream;
    this.context = context;
    this.rateHz = context.sampleRate;
  }

  close() {
    for (const track of this.stream.getTracks()) track.stop();
    return this.context.close();
  }
}

export async function microphones() {
  const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  return devices.filter((device) => device.kind === "audioinput" && device.deviceId);
}
